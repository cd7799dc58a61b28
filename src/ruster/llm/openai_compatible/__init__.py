"""Everything that speaks OpenAI's chat completions: OpenAI, xAI, OpenRouter, Groq, any base URL.

``provider`` is the entrance; ``body`` what is asked, ``wire`` the shapes, ``events`` and ``calls``
their translation, ``failures`` the error answers, ``models`` the list with its windows.
"""
