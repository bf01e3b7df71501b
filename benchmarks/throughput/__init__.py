"""How many pictures a second are inspected, made, learned from?"""
