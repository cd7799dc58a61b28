"""Small programs that read what strangers wrote, in processes of their own."""
