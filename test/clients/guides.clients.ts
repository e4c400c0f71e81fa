/** The token endpoint in Go of docs/guides/authentication.md. The others are in test/protocol/guides-tokens.test.ts. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { temporaryDirectory } from '../support/server-process.ts'
import { shell } from '../support/shell.ts'
import { Snippets } from '../support/snippets.ts'
import { checkToken } from '../support/token-endpoint.ts'
import { startNode, type StartedNode } from '../support/start-node.ts'

const folder = temporaryDirectory('guides-go')
let node: StartedNode

beforeAll(async () => {
  node = await startNode()
})
afterAll(async () => {
  await node.close()
  folder.remove()
})

it('the token endpoint in Go answers a token, and 401 to who is not logged in', async () => {
  const code = new Snippets('docs/guides/authentication.md').take('go').replace('func main()', 'func serve()')
  writeFileSync(join(folder.path, 'endpoint.go'), code)
  writeFileSync(
    join(folder.path, 'main.go'),
    `package main
type answer struct { header http.Header; status int; body []byte }
func (a *answer) Header() http.Header { return a.header }
func (a *answer) WriteHeader(status int) { a.status = status }
func (a *answer) Write(bytes []byte) (int, error) { a.body = append(a.body, bytes...); return len(bytes), nil }
func main() {
	refused := &answer{header: http.Header{}}
	realtimeToken(refused, nil)
	if refused.status != 401 { os.Exit(1) }
	currentUser = func(*http.Request) *User { return &User{"17", "red"} }
	good := &answer{header: http.Header{}}
	realtimeToken(good, nil)
	if good.header.Get("Cache-Control") != "no-store" { os.Exit(2) }
	os.Stdout.Write(good.body)
}
`.replace('package main', 'package main\nimport ("net/http"; "os")'),
  )
  const {
    code: exit,
    out,
    err,
  } = await shell('go run endpoint.go main.go', { SLUICE_JWT_SECRET: node.secret }, folder.path)
  expect({ exit, err }, out).toEqual({ exit: 0, err: '' })
  await checkToken(node, JSON.parse(out))
})
