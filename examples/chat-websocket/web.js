/** Serves the chat as a page. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const GATEWAY = process.env.SLUICE_URL ?? 'http://127.0.0.1:8080'
const PORT = Number(process.env.PORT ?? 3001)

const files = {
  '/': ['text/html; charset=utf-8', new URL('index.html', import.meta.url)],
  '/sluice.min.js': ['text/javascript', new URL('../../dist/client/sluice.min.js', import.meta.url)],
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://localhost')
  if (url.pathname === '/token') {
    // A real application knows who is logged in. `sluice dev` signs what it is asked to.
    const name = encodeURIComponent(url.searchParams.get('name') ?? 'guest')
    const answer = await fetch(`${GATEWAY}/dev/token?sub=${name}`).catch((error) => error)
    if (answer instanceof Error) response.writeHead(503).end(answer.message)
    else response.setHeader('content-type', 'application/json').end(await answer.text())
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
