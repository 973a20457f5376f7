// The official Node client against a gateway: usage openai.mjs BASE_URL API_KEY EMPTY_KEY MODEL COMPLETES EMBEDS.

import OpenAI from "openai";

const [baseURL, apiKey, emptyKey, model, completes, embeds] = process.argv.slice(2);
const make = (key) => new OpenAI({ baseURL, apiKey: key, maxRetries: 0, timeout: 30_000 });
const client = make(apiKey);

function check(what, good) {
  if (!good) {
    console.error(`FAILED  ${what}`);
    process.exit(1);
  }
  console.log(`ok      ${what}`);
}

/** Checks that `call` raises exactly `kind`. */
async function raises(what, kind, status, call, code) {
  try {
    await call();
  } catch (error) {
    check(`${what}: ${kind.name}, got ${error?.constructor?.name}: ${error}`, error?.constructor === kind);
    check(`${what}: status ${status}`, error.status === status);
    if (status !== undefined) check(`${what}: request id`, Boolean(error.requestID));
    if (code !== undefined) check(`${what}: code ${code}, got ${error.code}`, error.code === code);
    return;
  }
  check(`${what}: nothing was raised`, false);
}

const says = (content) => [{ role: "user", content }];
const chat = (text, more = {}, of = client) =>
  of.chat.completions.create({ model, messages: says(text), ...more });

async function all(stream) {
  const chunks = [];
  for await (const chunk of await stream) chunks.push(chunk);
  return chunks;
}

async function answers() {
  const answer = await chat("hello");
  check("chat", answer.choices[0].message.content === "Hello from the provider");
  check("chat: usage", answer.usage.prompt_tokens === 20 && answer.usage.completion_tokens === 4);
  check("chat: request id", Boolean(answer._request_id));

  let chunks = await all(chat("hello", { stream: true }));
  const text = chunks.map((chunk) => chunk.choices[0].delta.content ?? "").join("");
  check("streamed chat", text === "Hello from the provider");
  chunks = await all(chat("hello", { stream: true, stream_options: { include_usage: true } }));
  check("streamed chat: usage", chunks.at(-1).usage.completion_tokens === 4);

  const tools = [{ type: "function", function: { name: "get_weather", parameters: { type: "object" } } }];
  const call = (await chat("weather", { tools })).choices[0].message.tool_calls[0];
  check("tools", call.function.name === "get_weather" && call.function.arguments === '{"city":"Paris"}');

  const completion = { model: completes, prompt: "hello", max_tokens: 9 };
  const whole = await client.completions.create(completion);
  check("completion", whole.choices[0].text === "Hello from the provider");
  chunks = await all(client.completions.create({ ...completion, stream: true }));
  const streamed = chunks.map((chunk) => chunk.choices[0].text).join("");
  check("streamed completion", streamed === "Hello from the provider");

  for (const encoding_format of [undefined, "float", "base64"]) {
    const list = await client.embeddings.create({ model: embeds, input: ["a", "b"], encoding_format });
    check(`embeddings as ${encoding_format}: two`, list.data.length === 2 && list.usage.prompt_tokens === 20);
    const vector = list.data[1].embedding;
    const good = typeof vector === "string" ? vector === "AAAAPwAAgL4=" : String(vector) === "0.5,-0.25";
    check(`embeddings as ${encoding_format}: ${vector}`, good);
  }

  const models = (await client.models.list()).data.map((found) => found.id);
  check("models", models.join() === [completes, model, embeds].sort().join());
  check("model", (await client.models.retrieve(model)).id === model);
}

async function errors() {
  await raises("wrong key", OpenAI.AuthenticationError, 401, () => chat("hello", {}, make("sk-wrong")), "invalid_api_key");
  await raises("unknown model", OpenAI.NotFoundError, 404, () => chat("hello", { model: "none" }), "model_not_found");
  await raises("wrong type", OpenAI.BadRequestError, 400, () => chat("hello", { n: "many" }));
  await raises("provider's 400", OpenAI.BadRequestError, 400, () => chat("400"));
  await raises("no quota", OpenAI.RateLimitError, 429, () => chat("hello", {}, make(emptyKey)), "insufficient_quota");
  await raises("cut stream", OpenAI.APIError, undefined, () => all(chat("cut", { stream: true })));
  await raises("provider's 500", OpenAI.InternalServerError, 502, () => chat("500"), "upstream_error");
  await raises("provider's 429", OpenAI.RateLimitError, 429, () => chat("429"), "rate_limit_exceeded");
}

await answers();
await errors();
console.log("all good");
