"""Write what to run on which kind of module; hqml knows the site, checks its software, and writes and sends the jobs.

Text first: `workflow_file` reads, `checks` refuses, `script` writes; `submit` alone runs a scheduler.
"""
