/** Publishes prices every 500 ms, and serves the page that shows them. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const API_URL = process.env.SLUICE_API_URL ?? 'http://127.0.0.1:8081'
const API_KEY = process.env.SLUICE_API_KEY ?? 'dev'
/** The public listener, where browsers connect. */
const GATEWAY = process.env.SLUICE_URL ?? 'http://127.0.0.1:8080'
const TOKEN = process.env.SLUICE_TOKEN
const PORT = Number(process.env.PORT ?? 3000)

const prices = new Map([
  ['ACME', 120],
  ['GLOBEX', 48.5],
  ['INITECH', 9.75],
])

async function publish() {
  const messages = [...prices].map(([symbol, price]) => {
    const next = Math.max(0.01, price * (1 + (Math.random() - 0.5) / 50))
    prices.set(symbol, next)
    return { channel: `stocks:${symbol}`, data: { symbol, price: next.toFixed(2) } }
  })
  const response = await fetch(`${API_URL}/v1/publish`, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify(messages),
  })
  if (!response.ok) console.error(`not published: ${await response.text()}`)
}

setInterval(() => {
  publish().catch((error) => console.error(`not published: ${error.message}`))
}, 500)

const page = readFileSync(new URL('index.html', import.meta.url), 'utf8').replace('%GATEWAY%', GATEWAY)
// Who may see what is for the application to say: here everybody may. `sluice dev` signs what it is asked to.
async function sendToken(response) {
  response.setHeader('content-type', 'application/json')
  if (TOKEN !== undefined) return response.end(JSON.stringify({ token: TOKEN }))
  const answer = await fetch(`${GATEWAY}/dev/token?sub=ticker`)
  response.writeHead(answer.status).end(await answer.text())
}

const server = createServer((request, response) => {
  if (request.url === '/token')
    sendToken(response).catch((error) => response.writeHead(503).end(error.message))
  else response.setHeader('content-type', 'text/html; charset=utf-8').end(page)
})
server.listen(PORT, '127.0.0.1', () => {
  console.log(`prices on http://127.0.0.1:${server.address().port}/`)
})
