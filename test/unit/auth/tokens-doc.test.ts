import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { createTokens } from '../../../src/auth/tokens.ts'
import { systemClock } from '../../../src/clock.ts'
import { noEvents, SECRET } from './issuer.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))

it('the Node example of docs/tokens.md prints a token that the gateway takes', async () => {
  const page = await readFile(`${root}docs/tokens.md`, 'utf8')
  const example = /^```js\n(.*?)^```$/ms.exec(page)?.[1]
  if (example === undefined) throw new Error('docs/tokens.md has no example in JavaScript')
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', example], {
    cwd: root,
    env: { SLUICE_JWT_SECRET: SECRET },
  })
  const tokens = createTokens(
    { jwtSecret: SECRET, clockToleranceMs: 0 },
    { clock: systemClock, events: noEvents },
  )
  const identity = await tokens.verify(stdout.trim())
  expect(identity.user).toBe('alice')
  expect(identity.permissions.maySubscribe('news:sport')).toBe(true)
  expect(identity.permissions.mayPublish('chat:42')).toBe(true)
  expect(identity.expiresAtMs).toBeGreaterThan(identity.issuedAtMs ?? Number.POSITIVE_INFINITY)
})
