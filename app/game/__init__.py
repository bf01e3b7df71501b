"""Can you tell? The imitation game's logic: what is dealt, what is shown, who was right. No Streamlit in here."""
