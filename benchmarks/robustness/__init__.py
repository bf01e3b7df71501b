"""What is left of them after JPEG, resizing, crops and trips through sites?"""
