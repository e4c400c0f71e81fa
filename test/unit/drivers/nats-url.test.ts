import { describe, expect, it } from 'vitest'
import { natsTarget } from '../../../src/drivers/nats-url.ts'

describe('nats.url', () => {
  it('names servers, with the port filled in', () => {
    expect(natsTarget(['nats://nats.internal', 'nats://10.0.0.1:4333', 'nats://[::1]'])).toEqual({
      servers: ['nats.internal:4222', '10.0.0.1:4333', '[::1]:4222'],
      credentials: undefined,
      tls: false,
    })
    expect(natsTarget(['tls://nats.internal:80'])).toMatchObject({ servers: ['nats.internal:80'], tls: true })
  })

  it('takes credentials out of the URL', () => {
    expect(natsTarget(['nats://alice:1%3A2%40x@a:1', 'nats://b:2', 'nats://alice:1%3A2%40x@c:3'])).toEqual({
      servers: ['a:1', 'b:2', 'c:3'],
      credentials: { user: 'alice', password: '1:2@x' },
      tls: false,
    })
    expect(natsTarget(['nats://s3cr3t@a:1']).credentials).toEqual({ token: 's3cr3t' })
  })

  it.each([
    [[], 'nats.url is empty'],
    [['http://a:hunter2@b'], 'entry 1 is not a URL such as'],
    [['nats://a', 'ws://b:80'], 'entry 2 is not a URL such as'],
    [['nats://a:hunter2@'], 'entry 1 is not a URL such as'],
    [['nats://a', 'tls://b'], 'mixes schemes'],
    [['nats://a:hunter2@b', 'nats://a:hunter3@b'], 'different credentials'],
  ])('refuses %j without repeating a secret', (urls, why) => {
    expect(() => natsTarget(urls)).toThrow(why)
    expect(() => natsTarget(urls)).not.toThrow(/hunter/)
  })
})
