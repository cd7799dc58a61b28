"""Google's Gemini: AI Studio with a key, Vertex AI with a token, or through an LLM proxy.

``provider`` is the entrance; ``address`` the forms of a URL, ``body`` what is asked, ``schema`` the
part of JSON Schema that is understood, ``wire`` the shapes, ``events`` their translation,
``failures`` the error answers.
"""
