import { copyFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ServedCertificate } from '../../../src/drivers/served-certificate.ts'
import { CertificateAuthority, type Certificate } from '../../support/certificates.ts'
import { ManualClock } from '../../support/manual-clock.ts'

let ca: CertificateAuthority
let first: Certificate
let second: Certificate
beforeAll(() => {
  ca = new CertificateAuthority()
  first = ca.issue('first')
  second = ca.issue('second')
})
afterAll(() => ca.remove())

describe('the certificate of a listener', () => {
  let files: Certificate
  let events: string[]
  let failing: boolean
  let listening: boolean
  let served: ServedCertificate
  let count = 0

  const put = (name: 'certFile' | 'keyFile', from: Certificate): void => copyFileSync(from[name], files[name])

  beforeEach(async () => {
    count++
    files = { certFile: ca.file(`served-${count}.pem`), keyFile: ca.file(`served-${count}.key`) }
    put('certFile', first)
    put('keyFile', first)
    events = []
    failing = false
    listening = true
    served = new ServedCertificate(files, {
      clock: new ManualClock(),
      renew() {
        events.push('renew')
        return failing ? Promise.reject(new Error('no')) : Promise.resolve()
      },
      renewed: () => void events.push('renewed'),
      refused: (why) => void events.push(`refused ${why}`),
      listening: () => listening,
      lost: (why) => void events.push(`lost ${why}`),
    })
    await served.start()
  })

  it('is shown on while its files are the same', async () => {
    await served.look()
    await served.look()
    expect(events).toEqual([])
    expect(served.expiresAtMs).toBeGreaterThan(Date.now() + 86_400_000)
  })

  it('is renewed once when both files are new', async () => {
    put('certFile', second)
    put('keyFile', second)
    await served.look()
    await served.look()
    expect(events).toEqual(['renew', 'renewed'])
  })

  it('waits for the second file where one of them was replaced', async () => {
    put('certFile', second)
    await served.look()
    expect(events).toEqual([])
    put('keyFile', second)
    await served.look()
    expect(events).toEqual(['renew', 'renewed'])
  })

  it('says once what is wrong with files that stay unfit, and takes them when they are mended', async () => {
    put('certFile', second)
    for (let look = 0; look < 4; look++) await served.look()
    expect(events).toHaveLength(1)
    expect(events[0]).toMatch(/^refused .*key values mismatch/)
    put('keyFile', second)
    await served.look()
    expect(events.slice(1)).toEqual(['renew', 'renewed'])
  })

  it('is shown on where a file has no certificate, or is gone', async () => {
    writeFileSync(files.certFile, '')
    await served.look()
    await served.look()
    expect(events).toHaveLength(1)
    expect(events[0]).toMatch(/^refused /)
  })

  it('opens the listener again that could open with neither the new nor the old, also where the old is put back', async () => {
    failing = true
    listening = false
    put('certFile', second)
    put('keyFile', second)
    await served.look()
    await served.look()
    expect(events).toEqual(['renew', 'lost no', 'renew', 'lost no'])
    put('certFile', first)
    put('keyFile', first)
    failing = false
    await served.look()
    expect(events.slice(4)).toEqual(['renew', 'renewed'])
  })

  it('is tried again where the listener could not take it', async () => {
    failing = true
    put('certFile', second)
    put('keyFile', second)
    await served.look()
    expect(events).toEqual(['renew', 'refused no'])
    failing = false
    await served.look()
    expect(events.slice(2)).toEqual(['renew', 'renewed'])
  })
})
