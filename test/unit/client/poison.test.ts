import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FRAMES } from '../../../src/dialect/sluice-v1/encode.ts'
import { Encoded } from '../../../src/protocol/encoded.ts'
import type { Message } from '../../../src/protocol/message.ts'
import { connected, cutAndBack, message, record, type Fixture } from './fixture.ts'

/** A message that cannot be read must not stop the rest. */

async function on(channel: string, start: object): Promise<Fixture & { readonly shown: unknown[] }> {
  const all = await connected()
  const { data, handler } = record()
  all.client.subscribe(channel, handler)
  all.sockets.newest.answer('subscribe', { type: 'subscribed', recovered: false, ...start })
  return { ...all, shown: data }
}

/** As a gateway puts it on the wire, whatever a log holds. */
function onWire(data: Uint8Array, more: Partial<Message>): unknown {
  const bytes = new Encoded({
    ...{ kind: 'logged', channel: 'news', epoch: 'e', offset: 6, previous: 5, ack: false, time: 1 },
    ...{ id: 'm-6', from: 'ann', binary: false, data },
    ...more,
  }).as(FRAMES).data
  return more.binary === true ? Uint8Array.from(bytes).buffer : bytes.toString()
}

describe('a message that cannot be read', () => {
  it.each([
    ['is no JSON', onWire(Buffer.from('{"a":'), {})],
    ['ends the envelope', onWire(Buffer.from('1}}'), {})],
    ['is cut off', '{"type":"message","channel":"news","offset":6,"ti'],
    ['is binary with an envelope that is none', binary('{"type":"message","channel":"news","offset":6,}')],
  ])('where it %s is told of with its place, and the others are shown', async (_, data) => {
    const { sockets, errors, shown, client } = await on('news', { epoch: 'e', offset: 5 })
    sockets.newest.receiveData(data)
    sockets.newest.receive(message('news', 7, 'seven'))
    expect(errors).toMatchObject([{ code: 'unreadable', channel: 'news', offset: 6, retryable: false }])
    expect(errors[0]?.cause).toBeInstanceOf(Error)
    expect(shown).toEqual(['seven'])
    expect(client.state).toBe('connected')
    expect(sockets.all).toHaveLength(1)
  })

  it('is behind the client: it is not asked for again, nor told of twice', async () => {
    const made = await on('news', { epoch: 'e', offset: 5 })
    const { sockets, errors } = made
    sockets.newest.receiveData(onWire(Buffer.from('nope'), {}))
    sockets.newest.receiveData(onWire(Buffer.from('nope'), {}))
    await cutAndBack(made)
    sockets.newest.open()
    expect(sockets.newest.last('connect')).toMatchObject({ resume: { news: { epoch: 'e', offset: 6 } } })
    expect(errors).toHaveLength(1)
  })

  it('on an ephemeral channel has no place', async () => {
    const { sockets, errors, shown, client } = await on('news', {})
    sockets.newest.receiveData(onWire(Buffer.from('nope'), { kind: 'ephemeral' }))
    sockets.newest.receive(message('news', undefined, 'next'))
    expect(errors).toMatchObject([{ code: 'unreadable', channel: 'news', offset: undefined }])
    expect(shown).toEqual(['next'])
    expect(client.state).toBe('connected')
  })

  it('is nothing to an application that is not on the channel', async () => {
    const { sockets, errors, client } = await on('news', { epoch: 'e', offset: 5 })
    sockets.newest.receiveData(onWire(Buffer.from('nope'), { channel: 'other' }))
    expect(errors).toEqual([])
    expect(client.state).toBe('connected')
  })

  it('never ends the connection, whatever its payload is', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), fc.boolean(), async (payload, asBytes) => {
        const { sockets, errors, shown, client } = await on('news', { epoch: 'e', offset: 5 })
        sockets.newest.receiveData(onWire(payload, { binary: asBytes }))
        sockets.newest.receive(message('news', 7, 'seven'))
        expect(shown.length + errors.length).toBe(2)
        expect(shown.at(-1)).toBe('seven')
        expect(client.state).toBe('connected')
      }),
      { numRuns: 200 },
    )
  })
})

it.each(['null', '7', '"x"'])('a frame that is %s is no fault of the application', async (text) => {
  const { sockets, states } = await connected()
  sockets.newest.receiveData(text)
  expect(states.at(-1)).toBe('waiting')
})

function binary(envelope: string): ArrayBuffer {
  const head = Buffer.alloc(4)
  head.writeUInt32BE(envelope.length)
  return Uint8Array.from(Buffer.concat([head, Buffer.from(envelope), Buffer.of(1, 2)])).buffer
}
