"""What carries from one generator to another?"""
