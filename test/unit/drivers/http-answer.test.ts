import { expect, it } from 'vitest'
import { checkHeaders, writeWhole, type ResponseHeaders } from '../../../src/drivers/http-answer.ts'
import type { Native } from '../../../src/drivers/uws-binary.ts'

/** What the library would send, but for the lines that are its own. */
function linesOf(headers: ResponseHeaders, last = false): string[] {
  let written = ''
  const response = {
    writeStatus: (status: string) => (written += `HTTP/1.1 ${status}\r\n`),
    writeHeader: (name: string, value: string) => (written += `${name}: ${value}\r\n`),
    end: (body: string) => (written += `\r\n${body}`),
  } as unknown as Native.HttpResponse
  checkHeaders(headers)
  writeWhole(response, 503, headers, 'body', { withoutBody: false, last, requestId: 'r1' })
  return written.split('\r\n')
}

const OPEN = ['HTTP/1.1 503 Service Unavailable', 'x-request-id: r1', 'Keep-Alive: timeout=7']
const A: ResponseHeaders = Object.freeze({ a: '1', b: '2' })
const B: ResponseHeaders = Object.freeze({ c: '3' })

it('an answer has each header on a line of its own, whether or not it had the same ones before', () => {
  for (const _ of [1, 2]) {
    expect(linesOf(A)).toEqual([...OPEN, 'a: 1', 'b: 2', '', 'body'])
    expect(linesOf(A)).toEqual([...OPEN, 'a: 1', 'b: 2', '', 'body'])
    expect(linesOf(B)).toEqual([...OPEN, 'c: 3', '', 'body'])
    expect(linesOf({})).toEqual([...OPEN, '', 'body'])
  }
  expect(linesOf(A, true)).toEqual([
    'HTTP/1.1 503 Service Unavailable',
    'x-request-id: r1',
    'a: 1',
    'b: 2',
    '',
    'body',
  ])
})

it('headers that may change are looked at each time', () => {
  const headers: Record<string, string> = { a: '1' }
  expect(linesOf(headers)).toEqual([...OPEN, 'a: 1', '', 'body'])
  headers['a'] = '2'
  expect(linesOf(headers)).toEqual([...OPEN, 'a: 2', '', 'body'])
  headers['a'] = '2\r\nevil: 1'
  expect(() => checkHeaders(headers)).toThrow('line break')
})

it.each(['1\r\nevil: 1', '1\n', '\r', 'a\0'])(
  'a value with a line break is refused, frozen or not: %j',
  (value) => {
    for (const headers of [{ a: value }, Object.freeze({ a: value })])
      for (const _ of [1, 2]) expect(() => checkHeaders(headers)).toThrow('line break')
  },
)
