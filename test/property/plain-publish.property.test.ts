import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hostileJson, isJson, nested } from '../support/hostile-json.ts'
import { plainPublish } from '../../src/api/plain-publish.ts'
import { isDeeper } from '../../src/protocol/json.ts'
import { rawMember } from '../../src/protocol/raw-json.ts'

const DEPTH = 64
const PLAIN = new Set(['channel', 'user', 'data', 'id'])

const key = fc.constantFrom(
  ...[
    '"channel":',
    '"user":',
    '"data":',
    '"id":',
    '"data": ',
    '"data" :',
    '"d\\u0061ta":',
    '"event":',
    '"channels":',
  ],
)
const value = fc.oneof(
  fc.json(),
  fc.string().map((text) => JSON.stringify(text)),
  fc.constantFrom(
    '"a:1"',
    '" "',
    '"a\\u0062"',
    '"\u0001"',
    '"\n"',
    'null',
    '1',
    '01',
    ' 1',
    '1 ',
    '[1,\n2]',
    '"é"',
  ),
)
const body = fc
  .tuple(
    fc.array(fc.tuple(key, value), { maxLength: 5 }),
    fc.constantFrom(',', ', ', ' ,', ',,', ''),
    fc.constantFrom('}', ' }', '}}', '', '} ', ',}'),
    fc.constantFrom('{', '{ ', '[{', ''),
  )
  .map(([members, comma, end, open]) => open + members.map((parts) => parts.join('')).join(comma) + end)

describe('a plain publish', () => {
  it('is what is found by reading all of it, and nothing else is one', () => {
    fc.assert(
      fc.property(fc.oneof({ weight: 5, arbitrary: body }, hostileJson), (text) => {
        const plain = plainPublish(text, DEPTH)
        if (plain === undefined) return
        expect(isJson(text)).toBe(true)
        const parsed = JSON.parse(text) as Record<string, unknown>
        const { target, data, id } = plain
        expect(Object.keys(parsed).every((name) => PLAIN.has(name))).toBe(true)
        expect(id).toBe(parsed['id'])
        expect(target).toEqual('user' in parsed ? { user: parsed['user'] } : { channel: parsed['channel'] })
        expect('user' in parsed && 'channel' in parsed).toBe(false)
        expect(data).toBe(rawMember(text, 'data'))
        expect(data).not.toMatch(/^\s|\s$|[\r\n]/)
        expect(isDeeper(data, DEPTH)).toBe(false)
      }),
      { numRuns: 20_000 },
    )
  })

  it('is what a printer makes of one, in any order, with spaces and without', () => {
    const data = fc.jsonValue({ maxDepth: 4 }).filter((one) => JSON.stringify(one).length < 800)
    const given = { channel: 'news:1', id: 'a-1' }
    fc.assert(
      fc.property(
        data,
        fc.constantFrom(',', ', '),
        fc.constantFrom(':', ': '),
        fc.nat(5),
        (one, comma, colon, order) => {
          const members = Object.entries({ ...given, data: one }).map(
            ([name, of]) => `"${name}"${colon}${JSON.stringify(of)}`,
          )
          members.splice(order % 3, 0, ...members.splice((order + 1) % 3, 1))
          expect(plainPublish(`{${members.join(comma)}}`, DEPTH)).toEqual({
            target: { channel: given.channel },
            data: JSON.stringify(one),
            id: given.id,
          })
        },
      ),
    )
    expect(plainPublish('{"user":"ann","data":1.0}', DEPTH)).toEqual({
      target: { user: 'ann' },
      data: '1.0',
      id: undefined,
    })
  })

  it('is none where anything is not plain', () => {
    for (const text of [
      ...['', '{', '{}', '[]', 'null', '{"channel":"a"}', '{"data":1}', '{"data":1,"id":"a"}'],
      ...['{"channel":"a","user":"b","data":1}', '{"channel":"a","channel":"b","data":1}'],
      ...['{"channel":"a","data":1,"data":2}', '{"channel":"a","data":1,"event":"b"}'],
      ...['{"channel":1,"data":1}', '{"channel":null,"data":1}', '{"channel":"a","data":1,"id":2}'],
      ...['{"channel":"a\\u0062","data":1}', '{"channel":"a\n","data":1}', '{"channel":"a,"data":1}'],
      ...[
        '{"channel":"a","data":1}x',
        '{"channel":"a","data":1},',
        '{"channel":"a","data":1,}',
        '{"channel":"a","data":}',
      ],
      ...['{"channel":"a","data":01}', '{"channel":"a","data":[1,\n2]}', '\ufeff{"channel":"a","data":1}'],
      `{"channel":"a","data":${nested(DEPTH + 1, '[')}}`,
      `{"channel":"a","data":"${'x'.repeat(1024)}"}`,
    ])
      expect(plainPublish(text, DEPTH), text.slice(0, 60)).toBeUndefined()
    expect(plainPublish(`{"channel":"a","data":${nested(DEPTH, '[')}}`, DEPTH)).toBeDefined()
  })
})
