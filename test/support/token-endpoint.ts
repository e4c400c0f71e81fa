/** What the endpoints of docs/guides/authentication.md answer, to the user 17 of the team red. */
import { decodeJwt } from 'jose'
import { expect } from 'vitest'
import type { StartedNode } from './start-node.ts'

/** The node takes it for that user and those channels, for an hour, and for no others. */
export async function checkToken(node: StartedNode, body: unknown): Promise<void> {
  const { token } = body as { readonly token: string }
  const poll = (channels: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${node.port}/v1/poll?wait=0&channels=${channels}`, {
      headers: { authorization: `Bearer ${token}` },
    })
  expect((await poll('news:sport,team:red')).status).toBe(200)
  expect((await poll('team:blue')).status).toBe(403)
  const { sub, iat = 0, exp = 0 } = decodeJwt(token)
  expect({ sub, seconds: exp - iat }).toEqual({ sub: '17', seconds: 3600 })
}
