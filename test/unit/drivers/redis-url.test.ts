import { describe, expect, it } from 'vitest'
import { redisTarget } from '../../../src/drivers/redis-url.ts'

const OPEN = { username: undefined, password: undefined, tls: false }

describe('redis.url', () => {
  it('names one server, with what is not said filled in', () => {
    expect(redisTarget(['redis://redis.internal'])).toEqual({
      kind: 'server',
      host: 'redis.internal',
      port: 6379,
      db: 0,
      ...OPEN,
    })
    expect(redisTarget(['rediss://alice:p%40ss@[::1]:7000/3'])).toEqual({
      kind: 'server',
      host: '::1',
      port: 7000,
      db: 3,
      username: 'alice',
      password: 'p@ss',
      tls: true,
    })
  })

  it('names a cluster by two URLs or more, or by one that says so', () => {
    expect(redisTarget(['redis://:secret@a:1', 'redis://b:2'])).toEqual({
      kind: 'cluster',
      nodes: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      ...OPEN,
      password: 'secret',
    })
    expect(redisTarget(['redis://a?cluster'])).toMatchObject({
      kind: 'cluster',
      nodes: [{ host: 'a', port: 6379 }],
    })
  })

  it('names a server through Sentinels', () => {
    expect(redisTarget(['sentinel://:secret@a:26380/my%20master', 'sentinel://b'])).toEqual({
      kind: 'sentinel',
      sentinels: [
        { host: 'a', port: 26_380 },
        { host: 'b', port: 26_379 },
      ],
      master: 'my master',
      ...OPEN,
      password: 'secret',
    })
    expect(redisTarget(['sentinels://a/master'])).toMatchObject({ tls: true })
  })

  it.each([
    [[], 'empty'],
    [['http://:secret@a'], 'entry 1 is not a URL'],
    [['redis://a', 'secret'], 'entry 2 is not a URL'],
    [['redis://:secret@a', 'rediss://b'], 'mixes schemes'],
    [['redis://:secret@a/one'], 'number of a database'],
    [['redis://:secret@a/1', 'redis://b'], 'no databases but 0'],
    [['sentinel://:secret@a'], 'name of the master'],
  ])('says what is wrong with %j, and no password', (urls, what) => {
    expect(() => redisTarget(urls)).toThrow(what)
    try {
      redisTarget(urls)
    } catch (error) {
      expect(String(error)).not.toContain('secret')
    }
  })
})
