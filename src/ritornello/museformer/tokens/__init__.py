"""Songs as Museformer's tokens and back: ids, families, the grammar of bars and its independent checker."""
