"""How near are a generator's pictures to photos, and how varied?"""
