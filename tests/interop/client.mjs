// Signs one request as RFC 9421 says and sends it; prints the answer as one line of JSON.
//
//     node client.mjs METHOD URL < request.json
//
// request.json: {"ca": file, "key": {"id", "alg", "file"}, "body": text or null}

import { constants, createHash, createSign, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import signatures from "http-message-signatures";

const [method, url] = process.argv.slice(2);
const { ca, key, body } = JSON.parse(readFileSync(0, "utf8"));

const fields = ["@method", "@authority", "@path"];
const headers = {};
if (new URL(url).search) {
  fields.push("@query");
}
if (body !== null) {
  headers["content-type"] = "application/json";
  headers["content-digest"] = `sha-256=:${createHash("sha256").update(body).digest("base64")}:`;
  fields.push("content-type", "content-digest");
}

// The package's own signer for RSA takes the longest salt; RFC 9421, section 3.3.1, says 64 bytes.
function signer(material, alg, id) {
  if (alg !== "rsa-pss-sha512") {
    return signatures.createSigner(material, alg, id);
  }
  const pss = { key: material, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 64 };
  return { id, alg, sign: async (data) => createSign("sha512").update(data).sign(pss) };
}

const signed = await signatures.httpbis.signMessage(
  {
    key: signer(readFileSync(key.file), key.alg, key.id),
    fields,
    params: ["created", "expires", "keyid", "alg", "nonce", "tag"],
    paramValues: { nonce: randomBytes(16).toString("base64url"), tag: "countersign" },
  },
  { method, url, headers },
);

const sent = request(url, { method, headers: signed.headers, ca: readFileSync(ca) }, (answer) => {
  const chunks = [];
  answer.on("data", (chunk) => chunks.push(chunk));
  answer.on("end", () => {
    const text = Buffer.concat(chunks).toString("utf8");
    console.log(JSON.stringify({ status: answer.statusCode, body: JSON.parse(text) }));
  });
});
sent.end(body ?? undefined);
