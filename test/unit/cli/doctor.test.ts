import { describe, expect, it } from 'vitest'
import {
  backlogFinding,
  certificateFinding,
  clockFinding,
  filesFinding,
  findingLines,
  natsFindings,
  redisFindings,
} from '../../../src/cli/doctor/findings.ts'
import {
  natsNeeds,
  permissionFinding,
  permissionFindings,
  type NatsNeeds,
} from '../../../src/cli/doctor/nats-permissions.ts'
import { SluiceError } from '../../../src/errors.ts'

/** What is said of what was seen; test/cluster/doctor.test.ts looks at a real deployment. */

const DAY_MS = 86_400_000

describe('a clock', () => {
  it.each([
    [500, 'ok'],
    [-5000, 'warn'],
    [31_000, 'fail'],
    [-31_000, 'fail'],
  ])('that differs by %i ms: %s', (aheadMs, status) => {
    expect(clockFinding('clock', aheadMs).status).toBe(status)
  })
})

describe('this machine', () => {
  it.each([
    [1024, 4096, 10_000, 'fail'],
    [1024, 1_048_576, 100_000, 'ok'],
    [1024, 4096, 0, 'warn'],
  ])('with %i and %i open files for %i connections: %s', (soft, hard, connections, status) => {
    expect(filesFinding(soft, hard, connections).status).toBe(status)
  })

  it('with a short queue of new connections is warned of', () => {
    expect([backlogFinding(128).status, backlogFinding(4096).status]).toEqual(['warn', 'ok'])
  })
})

describe('a certificate', () => {
  const seen = { authorized: true, why: '', validToMs: 0, protocol: 'TLSv1.3' }
  it.each([
    [{ ...seen, authorized: false, why: 'SELF_SIGNED_CERT_IN_CHAIN', validToMs: 90 * DAY_MS }, 'fail'],
    [{ ...seen, validToMs: 90 * DAY_MS }, 'ok'],
    [{ ...seen, validToMs: 5 * DAY_MS }, 'warn'],
    [{ ...seen, validToMs: -DAY_MS }, 'fail'],
  ])('%j: %s', (one, status) => {
    expect(certificateFinding('TLS', one, 0).status).toBe(status)
  })
})

describe('Redis', () => {
  const good = {
    ...{ policy: 'noeviction', maxmemory: '0', maxclients: '10000' },
    ...{ appendonly: 'yes', appendfsync: 'always' },
  }
  const statuses = (more: object): string[] => redisFindings({ ...good, ...more }).map(({ status }) => status)

  it('that drops keys where memory runs out fails, and one that has no limit is warned of', () => {
    expect(statuses({})).toEqual(['ok', 'ok', 'ok'])
    expect(statuses({ policy: 'allkeys-lru', maxmemory: '1000' })[0]).toBe('fail')
    expect(statuses({ policy: 'allkeys-lru' })[0]).toBe('warn')
  })

  it('that confirms what is not on disk is warned of', () => {
    expect(statuses({ appendfsync: 'everysec' })[1]).toBe('warn')
    expect(statuses({ appendonly: 'no' })[1]).toBe('warn')
  })

  it('that does not tell is passed over', () => {
    expect(statuses({ policy: undefined, appendonly: undefined, maxclients: undefined })).toEqual([
      'skip',
      'skip',
    ])
  })
})

describe('NATS', () => {
  const good = { heardItself: true, maxPayloadBytes: 1_048_576, jetStream: true }
  const needs = { payloadBytes: 65_536, durable: true }
  const statuses = (seen: object): string[] =>
    natsFindings({ ...good, ...seen }, needs).map(({ status }) => status)

  it.each([
    [{}, ['ok', 'ok', 'ok']],
    [{ heardItself: false }, ['fail', 'ok', 'ok']],
    [{ maxPayloadBytes: 1000 }, ['ok', 'warn', 'ok']],
    [{ jetStream: false }, ['ok', 'ok', 'fail']],
  ])('%j: %j', (seen, expected) => {
    expect(statuses(seen)).toEqual(expected)
  })
})

describe('permissions of NATS', () => {
  const needs = (role: 'all' | 'edge', namespaces: object = {}): NatsNeeds =>
    natsNeeds({ node: { role }, namespaces } as Parameters<typeof natsNeeds>[0])

  it('are asked for by what the configuration has a node do', () => {
    const plain = needs('edge')
    expect(plain.publish.some((subject) => /^[$_]|sluice\.log/.test(subject))).toBe(false)
    expect(plain.subscribe).not.toContain('sluice.publish.>')
    expect(needs('all').subscribe).toContain('sluice.publish.>')
    const durable = needs('all', { jobs: { delivery: 'durable' } })
    expect(durable.publish).toContain('$JS.API.STREAM.INFO.SLUICE')
    expect(needs('all', { ask: { clientPublish: 'forward' } }).untried).toContain('sluice.inbound.>')
  })

  it('that are missing are named, for publishing and for subscribing', () => {
    const wanted = { publish: ['a', 'b'], subscribe: ['b', 'c'], untried: ['d'] }
    const { status, says } = permissionFinding(wanted, [
      'Server Error: \'Permissions Violation for Publish to "b"\'',
      '\'Permissions Violation for Subscription to "c"\'',
      'Authorization Violation',
    ])
    expect(status).toBe('fail')
    expect(says).toBe('may not publish to b; may not subscribe to c; Authorization Violation')
    expect(permissionFinding(wanted, [])).toMatchObject({
      status: 'ok',
      says: expect.stringMatching(/4 .* d$/) as string,
    })
  })

  it('are not called allowed by a server that goes before it has heard what is tried', async () => {
    const link = {
      publish: () => false,
      subscribe: () => ({ unsubscribe: () => undefined, drain: () => Promise.resolve() }),
      flush: () => Promise.reject(new SluiceError('unavailable', 'NATS did not answer within 5000 ms')),
    }
    const [found] = await permissionFindings(link, [], needs('edge'))
    expect(found).toMatchObject({ status: 'fail', says: 'NATS did not answer within 5000 ms' })
  })
})

it('each that is not well says what to change', () => {
  const lines = findingLines([
    { what: 'a', status: 'ok', says: 'well' },
    { what: 'longer', status: 'fail', says: 'not well', change: 'do this' },
  ])
  expect(lines).toEqual(['ok    a       well', 'fail  longer  not well', '              → do this'])
})
