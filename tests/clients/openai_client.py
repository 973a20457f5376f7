"""The official client against a gateway: BASE_URL API_KEY EMPTY_KEY MODEL COMPLETES EMBEDS."""

import sys

import openai
from openai import OpenAI
from pydantic import BaseModel

base_url, api_key, empty_key, model, completes, embeds = sys.argv[1:]
client = OpenAI(base_url=base_url, api_key=api_key, max_retries=0, timeout=30)
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather in a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
                "additionalProperties": False,
            },
            "strict": True,
        },
    }
]


class Person(BaseModel):
    """What the structured answer is read into."""

    name: str
    age: int


def says(text):
    """The messages of a conversation with one line."""
    return [{"role": "user", "content": text}]


def check(what, good):
    """Prints one line, or ends the script."""
    if not good:
        sys.exit(f"FAILED  {what}")
    print(f"ok      {what}")


def raises(what, kind, status, call, code=None):
    """Checks that `call` raises exactly `kind`."""
    try:
        call()
    except openai.APIError as error:
        check(f"{what}: {kind.__name__}, got {type(error).__name__}: {error}", type(error) is kind)
        if status is not None:
            check(f"{what}: status {status}", error.status_code == status)
            check(f"{what}: request id", bool(error.request_id))
        if code is not None:
            check(f"{what}: code {code}, got {error.code}", error.code == code)
        return
    sys.exit(f"FAILED  {what}: nothing was raised")


def chat(text, of=client, **more):
    """One chat completion."""
    return of.chat.completions.create(model=more.pop("model", model), messages=says(text), **more)


def answers():
    """What succeeds."""
    answer = chat("hello")
    check("chat", answer.choices[0].message.content == "Hello from the provider")
    check("chat: usage", (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (20, 4))
    check("chat: request id", bool(answer._request_id))

    chunks = list(chat("hello", stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    check("streamed chat", text == "Hello from the provider")
    check("streamed chat: no usage", all(chunk.usage is None for chunk in chunks))

    chunks = list(chat("hello", stream=True, stream_options={"include_usage": True}))
    check("streamed chat: usage", chunks[-1].usage.completion_tokens == 4 and chunks[-1].choices == [])

    call = chat("weather", tools=TOOLS).choices[0].message.tool_calls[0]
    check("tools", (call.function.name, call.function.arguments) == ("get_weather", '{"city":"Paris"}'))

    deltas = [chunk.choices[0].delta for chunk in chat("weather", tools=TOOLS, stream=True)]
    calls = [call for delta in deltas for call in delta.tool_calls or []]
    check("streamed tools", [call.function.name for call in calls] == ["get_weather"])

    parsed = client.chat.completions.parse(model=model, messages=says("person"), response_format=Person)
    check("structured output", parsed.choices[0].message.parsed == Person(name="Ada", age=36))

    whole = client.completions.create(model=completes, prompt="hello", max_tokens=9)
    check("completion", whole.choices[0].text == "Hello from the provider")
    pieces = client.completions.create(model=completes, prompt="hello", max_tokens=9, stream=True)
    check("streamed completion", "".join(piece.choices[0].text for piece in pieces) == "Hello from the provider")

    # Unasked, the client has the vectors sent in base64 and reads them itself.
    for given in ({}, {"encoding_format": "float"}):
        for source in ("hello", ["hello"], [1, 2, 3], [[1, 2, 3]]):
            found = client.embeddings.create(model=embeds, input=source, dimensions=2, **given)
            check(f"embeddings of {source} {given}", found.data[0].embedding == [0.5, -0.25])
    check("embeddings: usage", (found.usage.prompt_tokens, found.usage.total_tokens) == (20, 20))
    check("embeddings: several", len(client.embeddings.create(model=embeds, input=["a", "b"]).data) == 2)

    served = sorted([completes, embeds, model])
    check("models", [found.id for found in client.models.list()] == served)
    check("model", client.models.retrieve(model).id == model)


def errors():
    """What fails, and as what."""
    stranger = OpenAI(base_url=base_url, api_key="sk-wrong", max_retries=0)
    raises("wrong key", openai.AuthenticationError, 401, lambda: chat("hello", of=stranger), "invalid_api_key")
    raises("unknown model", openai.NotFoundError, 404, lambda: chat("hello", model="none"), "model_not_found")
    raises("wrong type", openai.BadRequestError, 400, lambda: chat("hello", n="many"))
    raises("provider's 400", openai.BadRequestError, 400, lambda: chat("400"))
    poor = OpenAI(base_url=base_url, api_key=empty_key, max_retries=0)
    raises("no quota", openai.RateLimitError, 429, lambda: chat("hello", of=poor), "insufficient_quota")
    raises("cut stream", openai.APIError, None, lambda: list(chat("cut", stream=True)))
    raises("provider's 500", openai.InternalServerError, 502, lambda: chat("500"), "upstream_error")
    raises("provider's 429", openai.RateLimitError, 429, lambda: chat("429"), "rate_limit_exceeded")


answers()
errors()
print("all good")
