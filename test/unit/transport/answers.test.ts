import { describe, expect, it } from 'vitest'
import type { NativeSocket } from '../../../src/drivers/uws.ts'
import { Closing } from '../../../src/errors.ts'
import { Answers } from '../../../src/transport/answers.ts'
import { Newcomers } from '../../../src/transport/newcomers.ts'
import { WebSocketConnection } from '../../../src/transport/websocket.ts'
import { ConnectionWorld, OPTIONS } from '../../support/connection-world.ts'
import { sluiceV1 } from '../../support/sluice-v1.ts'

function listeners() {
  const said: [string, ...string[]][] = []
  const named = (name: string) => ({ sayAll: (texts: readonly string[]) => void said.push([name, ...texts]) })
  return { said, one: named('one'), other: named('other') }
}

/** What was due when it was called has run. */
const microtasks = (): Promise<void> => Promise.resolve()

describe('answers of one turn', () => {
  it('to one leave together, once what is answered along with the first has come', async () => {
    const { said, one } = listeners()
    const answers = new Answers()
    const appended = Promise.resolve()
    for (const text of ['1', '2', '3']) void appended.then(() => answers.add(one, text))
    await appended
    expect(said).toEqual([])
    await microtasks()
    expect(said).toEqual([['one', '1', '2', '3']])
    answers.add(one, '4')
    await microtasks()
    expect(said.slice(1)).toEqual([['one', '4']])
  })

  it('to several keep their order, and each is said once', async () => {
    const { said, one, other } = listeners()
    const answers = new Answers()
    for (const [index, to] of [one, one, other, one].entries()) answers.add(to, String(index))
    await microtasks()
    expect(said).toEqual([
      ['one', '0', '1'],
      ['other', '2'],
      ['one', '3'],
    ])
  })

  it('come before whatever else is said to the same one, and wait for nobody else', async () => {
    const { said, one, other } = listeners()
    const answers = new Answers()
    answers.add(one, '1')
    answers.sayBefore(other)
    expect(said).toEqual([])
    answers.sayBefore(one)
    expect(said).toEqual([['one', '1']])
    answers.sayBefore(one)
    await microtasks()
    expect(said.length).toBe(1)
  })
})

describe('a WebSocket whose client has published', () => {
  async function published(then: (connection: WebSocketConnection) => void): Promise<string[]> {
    const world = new ConnectionWorld()
    const { ports } = world
    const dialect = sluiceV1(ports, OPTIONS)
    const done: string[] = []
    const socket: NativeSocket = {
      send: (frame) => done.push(nameOf(frame as string)) && 1,
      subscribe: () => true,
      unsubscribe: () => true,
      getBufferedAmount: () => 0,
      end: (code) => void done.push(`end ${code}`),
      close: () => undefined,
      cork(run) {
        done.push('cork')
        run()
        done.push('uncork')
      },
      publish: () => true,
    }
    const hello = { token: undefined, ticket: undefined, turns: undefined, subprotocol: '' }
    const context = { ports, options: OPTIONS, newcomers: new Newcomers(10), dialect, path: '/v1/ws' }
    const connection = new WebSocketConnection(
      { conversation: dialect.converse(hello), address: '' },
      context,
    )
    const said = (frame: object): void =>
      connection.received(new Uint8Array(Buffer.from(JSON.stringify(frame))).buffer, false)
    connection.opened(socket)
    said({ type: 'connect', token: 'ann news' })
    await world.turns()
    done.length = 0
    for (const ref of [1, 2, 3]) said({ type: 'publish', ref, channel: 'news', data: ref })
    then(connection)
    await world.turns()
    connection.gone(1006)
    await world.close()
    return done
  }

  const nameOf = (text: string): string => {
    const { type, ref } = JSON.parse(text) as { type: string; ref?: number }
    return `${type} ${ref}`
  }

  it('is answered to all of a turn in one system call', async () => {
    expect(await published(() => undefined)).toEqual([
      'cork',
      'published 1',
      'published 2',
      'published 3',
      'uncork',
    ])
  })

  it('has its answers before it is closed', async () => {
    const done = await published((connection) => {
      for (const ref of [4, 5]) connection.say(JSON.stringify({ type: 'published', ref }), 'published')
      connection.end(new Closing('unauthorized', 'unauthorized', 'its token was revoked'))
    })
    expect(done.slice(0, 5)).toEqual(['cork', 'published 4', 'published 5', 'uncork', 'error undefined'])
    expect(done[5]).toBe('end 4401')
  })
})
