// One session of the package baileys, driven by lines of JSON; session.py is the other end.
//
// In:  {"ask": number, "do": "start" | "call" | "download", …}; the end of the input ends it.
// Out: {"event": "ready"}, {"event": "answer", "ask", "value" | "error"}, {"event": "closed", "code"}, the package's own
//      events by their names, {"event": "receipt", "data": attributes} for each receipt as it came, and
//      {"event": "complaint", "text"} for what the package warns of.
//
// Bytes go as the package writes them in JSON: {"type": "Buffer", "data": base64}.
//
// Arguments: a directory for the session's keys, the proxy, and the root key (hex) that signs for the server. Which TLS
// certificates are trusted, Node.js reads from NODE_EXTRA_CA_CERTS.

import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'

const installed = createRequire(new URL('../../build/independent/package.json', import.meta.url))
const load = name => import(pathToFileURL(installed.resolve(name)))

const ANSWER_MS = 20_000
const LIFE_MS = 120_000
const TOLD = [
  'connection.update',
  'groups.update',
  'groups.upsert',
  'group-participants.update',
  'message-receipt.update',
  'messages.reaction',
  'messages.update',
  'messages.upsert',
  'presence.update'
]

// What it says is passed on without the objects beside it, and its parts' prints not at all: keys may be among them.
for (const name of ['debug', 'error', 'info', 'log', 'trace', 'warn']) console[name] = () => {}
const complain = (facts, text) => tell({ event: 'complaint', text: String(typeof facts === 'string' ? facts : text) })
const logger = { level: 'warn', child: () => logger, error: complain, warn: complain }
for (const name of ['debug', 'info', 'trace']) logger[name] = () => {}

const baileys = await load('baileys')
const { BufferJSON, DisconnectReason, WA_CERT_DETAILS, proto } = baileys
const { HttpsProxyAgent } = await load('https-proxy-agent')
const undici = await load('undici')

const [directory, proxy, rootKey] = process.argv.slice(2)
WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(rootKey, 'hex')
const agent = new HttpsProxyAgent(proxy)
undici.setGlobalDispatcher(new undici.ProxyAgent(proxy)) // it downloads by fetch
globalThis.fetch = undici.fetch

const messages = new Map()
let socket

const tell = fact => process.stdout.write(JSON.stringify(fact, BufferJSON.replacer) + '\n')

async function start() {
  const { state, saveCreds } = await baileys.useMultiFileAuthState(directory)
  socket = baileys.makeWASocket({
    agent,
    fetchAgent: agent,
    auth: state,
    logger,
    getMessage: async key => messages.get(key.id)?.message,
    // Else it waits for what only a real phone can send.
    shouldSyncHistoryMessage: ({ syncType }) => syncType !== proto.HistorySync.HistorySyncType.RECENT
  })
  socket.ws.on('CB:receipt', node => tell({ event: 'receipt', data: node.attrs }))
  socket.ev.process(async events => {
    if (events['creds.update']) await saveCreds()
    for (const message of events['messages.upsert']?.messages ?? []) messages.set(message.key.id, message)
    for (const name of TOLD) if (events[name]) tell({ event: name, data: events[name] })
    if (events['connection.update']?.connection === 'close') await closed(events['connection.update'].lastDisconnect)
  })
}

async function closed(end) {
  const code = end?.error?.output?.statusCode ?? null
  tell({ event: 'closed', code })
  if (code === DisconnectReason.restartRequired) await start() // it has just been linked: now it may log in
}

async function act({ do: action, method, args, id }) {
  if (action === 'start') return start()
  if (action === 'call') return socket[method](...args)
  if (action === 'download') return baileys.downloadMediaMessage(messages.get(id), 'buffer', {})
  throw new Error(`nobody knows how to ${action}`)
}

function within(ms, work) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ms / 1000} s`)), ms)
  })
  return Promise.race([work, late]).finally(() => clearTimeout(timer))
}

async function answer(order) {
  try {
    tell({ event: 'answer', ask: order.ask, value: (await within(ANSWER_MS, act(order))) ?? null })
  } catch (error) {
    tell({ event: 'answer', ask: order.ask, error: String(error?.message ?? error) })
  }
}

setTimeout(() => process.exit(3), LIFE_MS).unref()
process.on('unhandledRejection', error => complain(String(error?.message ?? error)))
tell({ event: 'ready' })
for await (const line of createInterface({ input: process.stdin })) void answer(JSON.parse(line, BufferJSON.reviver))
await socket?.end()
process.exit(0)
