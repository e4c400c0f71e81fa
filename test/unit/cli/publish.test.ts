import { describe, expect, it } from 'vitest'
import { deadUrl, fakeGateway, type Request } from './fake-gateway.ts'
import { FakeTerminal, run } from './fake-terminal.ts'
import { main } from '../../../src/cli/main.ts'

const taken = { status: 200, body: { epoch: 'e1', offset: 7 } }

/** As a node answers: one result for each of an array. */
function takeAll({ body }: Request) {
  const sent: unknown = JSON.parse(body)
  return Array.isArray(sent) ? { status: 200, body: sent.map(() => ({ epoch: 'e1', offset: 7 })) } : taken
}

describe('one message', () => {
  it('is sent as it was written, and the answer is printed', async () => {
    const { url, requests } = await fakeGateway(takeAll)
    const { code, out, err } = await run(['publish', 'news', '{"n": 12345678901234567890}', '--url', url])
    expect({ code, out, err }).toEqual({ code: 0, out: '{"epoch":"e1","offset":7}', err: '' })
    expect(requests).toEqual([
      {
        method: 'POST',
        path: '/v1/publish',
        key: 'Bearer dev',
        body: '{"channel":"news","data":{"n": 12345678901234567890}}',
      },
    ])
  })

  it('goes to the inbox of a user, with an id', async () => {
    const { url, requests } = await fakeGateway(takeAll)
    const { code } = await run(['publish', '--user', 'alice', '"You have mail"', '--id', 'm-1', '--url', url])
    expect(code).toBe(0)
    expect(requests[0]?.body).toBe('{"user":"alice","id":"m-1","data":"You have mail"}')
  })

  it('is a text where it is not JSON and does not begin as JSON does', async () => {
    const { url, requests } = await fakeGateway(takeAll)
    for (const word of ['Hello', 'it is 5 o’clock', 'null and void']) {
      await run(['publish', 'news', word, '--url', url])
      expect(requests.at(-1)?.body).toBe(JSON.stringify({ channel: 'news', data: word }))
    }
  })

  it('is each line that somebody types, where none was given, and says how to end', async () => {
    const { url, requests } = await fakeGateway(takeAll)
    const terminal = new FakeTerminal()
    terminal.typedInto = true
    const code = main(['publish', 'news', '--url', url], terminal)
    await terminal.until(() => terminal.told.length > 0)
    expect(terminal.told).toEqual(['sluice: each line is a message for news; Ctrl-D ends this'])
    terminal.input.end('hello\n')
    expect(await code).toBe(0)
    expect(requests[0]?.body).toMatch(/"data":"hello"/)
  })

  it('is a text with --text', async () => {
    const { url, requests } = await fakeGateway(takeAll)
    await run(['publish', 'news', 'Hello "you"', '--text', '--url', url])
    expect(requests[0]?.body).toBe(String.raw`{"channel":"news","data":"Hello \"you\""}`)
  })

  it('the environment says where and with which key', async () => {
    const { url, requests } = await fakeGateway(takeAll)
    const { code } = await run(['publish', 'news', '1'], {
      SLUICE_API_URL: `${url}/`,
      SLUICE_API_KEY: 'shop-key',
    })
    expect(code).toBe(0)
    expect(requests[0]).toMatchObject({ path: '/v1/publish', key: 'Bearer shop-key' })
  })

  it.each([
    [['publish', 'news'], /^sluice: publish needs a channel and one message \(1 arguments were given\)/],
    [['publish'], /^sluice: publish needs a channel and one message \(0 arguments were given\)/],
    [['publish', 'news', '1', '2'], /^sluice: publish needs a channel and one message \(3 arguments/],
    [
      ['publish', '--user', 'alice', 'news', '1'],
      /^sluice: with --user, publish needs nothing but one message \(2 arguments/,
    ],
    [
      ['publish', 'news', '{"a": 1,\n "b": oops}'],
      /^sluice: the message is not JSON \(line 2, column 7: "o" is not expected here\); to publish it as a text, add --text/,
    ],
    [['publish', 'news', '[1'], /^sluice: the message is not JSON \(line 1, column 3: it ends too early\)/],
    [
      ['publish', 'news', '1', '--url', 'ws://127.0.0.1:8080'],
      /^sluice: "ws:\/\/127\.0\.0\.1:8080" is not the URL of the second listener; allowed: http or https/,
    ],
  ])('%j is a misuse, with exit code 2', async (words, complaint) => {
    const { code, out, err } = await run(words)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toMatch(complaint)
    expect(err).not.toContain('\n')
  })

  it('a refusal is one line with the words of the node', async () => {
    const { url } = await fakeGateway(() => ({
      status: 400,
      body: { error: { code: 'bad_request', message: 'channel is not valid' } },
    }))
    expect(await run(['publish', 'a b', '1', '--url', url])).toEqual({
      code: 1,
      out: '',
      err: 'sluice: bad_request: channel is not valid',
    })
  })

  it('a node that is not there is one line that says what to do', async () => {
    const url = await deadUrl()
    expect(await run(['publish', 'news', '1', '--url', url])).toEqual({
      code: 1,
      out: '',
      err: `sluice: no node answers at ${url} (the connection was refused): start one with npx @sluice/gateway dev, or say where it is with --url or SLUICE_API_URL`,
    })
  })

  it.each([
    ['not JSON', { status: 200, body: '<html>' }, 200],
    ['an error of another server', { status: 404, body: '<html>' }, 404],
  ])('%s is not taken for an answer', async (_, answer, status) => {
    const { url } = await fakeGateway(() => answer)
    const { code, err } = await run(['publish', 'news', '1', '--url', url])
    expect(code).toBe(1)
    expect(err).toBe(
      `sluice: ${url} answered ${status}, and not as a node of Sluice does: is this its second listener?`,
    )
  })
})

describe('the lines of standard input', () => {
  it('are published, and counted on standard error', async () => {
    const { url, requests } = await fakeGateway(takeAll)
    const result = await run(['publish', 'logs', '-', '--url', url], {}, '{"a":1}\nGET /\n')
    expect(result).toEqual({ code: 0, out: '', err: 'sluice: 2 lines published in 1 request' })
    const [first, second] = JSON.parse(requests[0]?.body ?? '[]') as {
      id: string
      channel: string
      data: unknown
    }[]
    expect(first).toMatchObject({ channel: 'logs', data: { a: 1 } })
    expect(second).toMatchObject({ channel: 'logs', data: 'GET /' })
    expect(first?.id).toMatch(/^[0-9a-f]{16}-1$/)
    expect(second?.id).toBe(first?.id.replace(/1$/, '2'))
  })

  it('with --id have ids that are the same in each run', async () => {
    const { url, requests } = await fakeGateway(takeAll)
    for (const _ of [1, 2])
      await run(['publish', '--user', 'a', '-', '--id', 'import-7', '--url', url], {}, 'x\ny\n')
    expect(requests[0]?.body).toBe(
      '[{"user":"a","id":"import-7-1","data":"x"},{"user":"a","id":"import-7-2","data":"y"}]',
    )
    expect(requests[1]?.body).toBe(requests[0]?.body)
  })

  it('none at all is no failure', async () => {
    const { url, requests } = await fakeGateway(takeAll)
    expect((await run(['publish', 'logs', '-', '--url', url])).code).toBe(0)
    expect(requests).toEqual([])
  })

  it('that are refused make the exit code 1', async () => {
    const { url } = await fakeGateway(() => ({
      status: 200,
      body: [{ offset: 1 }, { error: { code: 'limit_exceeded', message: 'too large' } }],
    }))
    expect(await run(['publish', 'logs', '-', '--url', url], {}, 'a\nb\n')).toEqual({
      code: 1,
      out: '',
      err: [
        'sluice: line 2 is refused: limit_exceeded: too large',
        'sluice: 1 line published in 1 request, 1 refused',
        'sluice: not every line was published',
      ].join('\n'),
    })
  })

  it('wait for a node that is overloaded, as long as it says', async () => {
    let turn = 0
    const { url, requests } = await fakeGateway((request) =>
      turn++ === 0
        ? {
            status: 503,
            body: { error: { code: 'unavailable', message: 'no log' } },
            headers: { 'retry-after': '0' },
          }
        : takeAll(request),
    )
    const { code, err } = await run(['publish', 'logs', '-', '--url', url], {}, 'a\n')
    expect(code).toBe(0)
    expect(err).toBe(
      'sluice: unavailable: no log; trying again\nsluice: the node takes lines again\nsluice: 1 line published in 2 requests',
    )
    expect(requests[1]?.body).toBe(requests[0]?.body)
  })

  it('end at a signal with what was read, although more could come', async () => {
    const { url, requests } = await fakeGateway(takeAll)
    const terminal = new FakeTerminal()
    const code = main(['publish', 'logs', '-', '--url', url], terminal)
    await terminal.until(() => terminal.listens)
    terminal.input.write('a\n')
    await expect.poll(() => requests.length).toBe(1)
    terminal.raise('SIGINT')
    expect(await code).toBe(0)
    expect(terminal.told).toEqual(['sluice: 1 line published in 1 request'])
  })

  it('a second signal ends it at once', async () => {
    const terminal = new FakeTerminal()
    const code = main(['publish', 'logs', '-', '--url', await deadUrl()], terminal)
    await terminal.until(() => terminal.listens)
    terminal.input.write('a\n')
    await terminal.until(() => terminal.told.length > 0)
    terminal.raise('SIGINT')
    terminal.raise('SIGINT')
    expect(terminal.exits).toEqual([130])
    expect(await code).toBe(1)
    expect(terminal.told).toContain('sluice: 0 lines published in 1 request, 1 not sent')
  })

  it('a wrong key ends it, with the summary', async () => {
    const { url } = await fakeGateway(() => ({
      status: 401,
      body: { error: { code: 'unauthorized', message: 'the API key is not one of the configured ones' } },
    }))
    const { code, err } = await run(['publish', 'logs', '-', '--url', url, '--key', 'hunter2'], {}, 'a\n')
    expect(code).toBe(1)
    expect(err).toContain('sluice: unauthorized: the API key is not one of the configured ones')
    expect(err).not.toContain('hunter2')
  })
})
