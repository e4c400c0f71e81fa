import { execFileSync } from 'node:child_process'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { CertificateAuthority } from '../../support/certificates.ts'
import { freePorts } from '../../support/server-process.ts'

let ca: CertificateAuthority
beforeAll(() => {
  ca = new CertificateAuthority()
})
afterAll(() => ca.remove())

it('a listener with certificates by name prints nothing between the lines of who runs it', async () => {
  const own = ca.issue('own')
  const names = { 'one.example': ca.issue('one', 'DNS:one.example'), 'two.example': ca.issue('two') }
  const [port] = (await freePorts(1)) as [number]
  const options = { host: '127.0.0.1', port, shared: false, setBy: 'port', goneMs: 40_000 }
  const program = `
    import { writeSync } from 'node:fs'
    import { Listener } from './src/drivers/uws.ts'
    const options = ${JSON.stringify({ ...options, tls: { ...own, names } })}
    const listener = new Listener({ ...options, caught: (_, error) => { throw error } })
    listener.http({ handle: () => undefined })
    writeSync(1, 'before\\n')
    await listener.listen()
    await listener.renewCertificate()
    writeSync(1, 'after\\n')
    listener.close()
  `
  const output = execFileSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', program],
    { encoding: 'utf8' },
  )
  expect(output).toBe('before\nafter\n')
})
