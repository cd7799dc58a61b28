"""HTTP towards programs: the LLM proxy (``proxy.md``), and answers in the shape of OpenAI's API.

Only ``listening`` imports the extra ``gateway`` (uvicorn).
"""
