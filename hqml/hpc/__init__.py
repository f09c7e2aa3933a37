"""Write what to run on which kind of module; hqml knows the site, checks its software, and writes and sends the jobs.

Text first: `workflows` reads and refuses, `scripts` writes; `runs` alone has effects, here or, by `remote`, elsewhere.
"""
