"""Families of networks, a module each: what names they answer to, and how they are composed of schemes and fields."""
