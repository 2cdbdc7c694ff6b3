"""Power-up. There is one application and nothing to choose yet: main.py runs next."""
