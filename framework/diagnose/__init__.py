"""Why is validation accuracy static, and what to do about it?"""
