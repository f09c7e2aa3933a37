"""What the report's page is made of: tables, and the files that lay it out."""
