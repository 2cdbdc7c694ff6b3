"""What a technician does with a hub: certificates, and the way from a blank board to one that delivers."""
