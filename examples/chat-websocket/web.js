/** Serves the chat as a page. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const GATEWAY = process.env.SLUICE_URL ?? 'http://127.0.0.1:8080'
const TOKEN = process.env.SLUICE_TOKEN
const PORT = Number(process.env.PORT ?? 3001)

const files = {
  '/': ['text/html; charset=utf-8', new URL('index.html', import.meta.url)],
  '/sluice.min.js': ['text/javascript', new URL(import.meta.resolve('@sluice/client/sluice.min.js'))],
}

// A real application knows who is logged in. `sluice dev` signs what it is asked to.
async function sendToken(name, response) {
  response.setHeader('content-type', 'application/json')
  if (TOKEN !== undefined) return response.end(JSON.stringify({ token: TOKEN }))
  const answer = await fetch(`${GATEWAY}/dev/token?sub=${encodeURIComponent(name)}`)
  response.writeHead(answer.status).end(await answer.text())
}

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://localhost')
  if (url.pathname === '/token') {
    const name = url.searchParams.get('name') ?? 'guest'
    sendToken(name, response).catch((error) => response.writeHead(503).end(error.message))
    return
  }
  const [type, file] = files[url.pathname] ?? []
  if (file === undefined) {
    response.writeHead(404).end('there is nothing here')
    return
  }
  const text = readFileSync(file, 'utf8').replace('%GATEWAY%', GATEWAY)
  response.setHeader('content-type', type).end(text)
})
server.listen(PORT, '127.0.0.1', () => console.log(`chat on http://127.0.0.1:${server.address().port}/`))
