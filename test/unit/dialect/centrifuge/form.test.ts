import { describe, expect, it } from 'vitest'
import { json, protobuf } from '../../../../src/dialect/centrifuge/encoding.ts'
import { CentrifugeForm } from '../../../../src/dialect/centrifuge/form.ts'
import { isChannel } from '../../../../src/protocol/channel.ts'
import type { LoggedMessage } from '../../../../src/protocol/message.ts'

function messageOf(data: string | Uint8Array, more: Partial<LoggedMessage> = {}): LoggedMessage {
  return {
    ...{
      kind: 'logged',
      channel: 'news',
      id: undefined,
      time: 5,
      epoch: 'e',
      offset: 7,
      previous: 6,
      ack: false,
    },
    ...{ data: Buffer.from(data), binary: typeof data !== 'string' },
    ...more,
  }
}

describe.each([json, protobuf])('a message in $name', (encoding) => {
  const form = new CentrifugeForm(encoding)

  it.each(['1', '{"n":1.0}', `"${'x'.repeat(20_000)}"`])('says where its payload stands', (data) => {
    const { data: frame, payloadAt, binary } = form.message(messageOf(data))
    expect(frame.subarray(payloadAt, payloadAt + data.length).toString()).toBe(data)
    expect(binary).toBe(encoding.binary)
  })

  it('has a topic that no channel can have', () => {
    expect(isChannel(`${form.topicPrefix}news`)).toBe(false)
  })
})

it('bytes are a text in JSON, with a tag that says so, and what they are in Protobuf', () => {
  const bytes = new Uint8Array([0xca, 0xfe])
  const inJson = new CentrifugeForm(json).message(messageOf(bytes))
  expect(JSON.parse(inJson.data.toString())).toEqual({
    push: { channel: 'news', pub: { data: 'yv4=', offset: 7, tags: { encoding: 'base64' }, time: 5 } },
  })
  expect(inJson.payloadAt).toBe(-1)
  const { data, payloadAt } = new CentrifugeForm(protobuf).message(messageOf(bytes))
  expect(Buffer.compare(data.subarray(payloadAt, payloadAt + 2), bytes)).toBe(0)
})

it('shows headers and the event of a message as tags', () => {
  const meta = { event: 'moved', headers: { kind: 'a' }, exclude: 'c1' }
  for (const encoding of [json, protobuf]) {
    const { data } = new CentrifugeForm(encoding).message(messageOf('1', { meta }))
    expect(data.toString()).toMatch(/kind[^]*a[^]*event[^]*moved/)
    expect(data.toString()).not.toContain('c1')
  }
})

it('names its publisher, and the inbox as its user knows it', () => {
  const { data } = new CentrifugeForm(json).message(messageOf('1', { channel: '@alice', from: 'bob' }))
  expect(JSON.parse(data.toString())).toEqual({
    push: { channel: '#alice', pub: { data: 1, info: { user: 'bob' }, offset: 7, time: 5 } },
  })
})

it('tells who joins and leaves', () => {
  const form = new CentrifugeForm(json)
  const ann = { user: 'ann', json: undefined, count: undefined }
  const told = (type: 'join' | 'leave'): unknown =>
    JSON.parse(String(form.event({ ...ann, type, channel: 'room:1' })?.data))
  const info = { user: 'ann', client: 'ann' }
  expect(told('join')).toEqual({ push: { channel: 'room:1', join: { info } } })
  expect(told('leave')).toEqual({ push: { channel: 'room:1', leave: { info } } })
  // There is no word for it.
  expect(form.event({ ...ann, type: 'update', channel: 'room:1' })).toBeUndefined()
})
