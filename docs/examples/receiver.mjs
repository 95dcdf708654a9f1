// A receiver of Talkabiz' webhooks, which believes nothing unsigned and does nothing twice. Nothing but Node.js, 18 or
// newer:
//
//     WEBHOOK_SECRET=whsec_... node receiver.mjs
//
// It listens on port 8080, or PORT, of this machine alone: what stands before it has the name and the certificate.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const LARGEST_BODY = 1_000_000;
const TOLERANCE_SECONDS = 300;
const secret = Buffer.from((process.env.WEBHOOK_SECRET ?? "").replace(/^whsec_/, ""), "base64");
if (secret.length === 0) throw new Error("WEBHOOK_SECRET is missing: with an empty one anybody could sign");
const done = new Set(); // in earnest: a table with the id as its key, written in one transaction with what is done

/** What your program does with it. What takes long belongs into a queue: there are 15 seconds to answer. */
function handle(event) {
  console.log(event.type, event.klien_id, event.seq);
}

/** `body` as it came: the signature is of these bytes, not of what they mean. */
function isGenuine(headers, body) {
  const id = headers["webhook-id"] ?? "";
  const timestamp = headers["webhook-timestamp"] ?? "";
  const signatures = headers["webhook-signature"] ?? "";
  if (!id || !/^\d{1,12}$/.test(timestamp)) return false;
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) return false;
  const expected = createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body).digest();
  return signatures.split(" ").some((signature) => {
    const [version, value = ""] = signature.split(",");
    const given = Buffer.from(value, "base64");
    return version === "v1" && given.length === expected.length && timingSafeEqual(given, expected);
  });
}

async function read(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length <= LARGEST_BODY) parts.push(part);
  }
  return length > LARGEST_BODY ? undefined : Buffer.concat(parts);
}

async function answer(request) {
  const body = await read(request);
  if (body === undefined) return 413;
  if (!isGenuine(request.headers, body)) return 401;
  const event = JSON.parse(body.toString("utf8"));
  if (!done.has(event.id)) {
    handle(event);
    done.add(event.id);
  }
  return 204;
}

const server = createServer(async (request, response) => {
  try {
    response.writeHead(request.method === "POST" ? await answer(request) : 405).end();
  } catch (error) {
    console.error(error);
    response.writeHead(500).end(); // it comes again
  }
});
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`);
});
