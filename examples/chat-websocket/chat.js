/** A chat in the terminal: each line that is typed goes to everybody in the room. `node chat.js alice` */
import { createInterface } from 'node:readline'
import { createClient } from '@sluice/client/node'

const URL = process.env.SLUICE_URL ?? 'http://127.0.0.1:8080'
const ROOM = 'chat:lobby'
const name = process.argv[2] ?? `guest-${process.pid}`

// A real application asks its own backend, which knows who is logged in. `sluice dev` signs what it is asked to.
async function devToken() {
  const answer = await fetch(`${URL}/dev/token?sub=${encodeURIComponent(name)}`)
  if (!answer.ok) throw new Error(`${URL} gives no tokens (${answer.status}): set SLUICE_TOKEN`)
  return (await answer.json()).token
}

const client = createClient({
  url: `${URL.replace(/^http/, 'ws')}/v1/ws`,
  token: process.env.SLUICE_TOKEN ?? devToken,
})
client.on('state', ({ state }) => console.error(`(${state})`))
client.on('error', (error) => console.error(`(${error.message})`))

const room = client.subscribe(ROOM, ({ data }) => console.log(`${data.from}: ${data.text}`), {
  from: { last: 10 },
  onReset: () => console.log('(some messages were missed)'),
})
await client.connect()
await room.ready

const input = createInterface({ input: process.stdin })
const sent = []
for await (const text of input) {
  if (text === '') continue
  // Repeated by itself, with its id, if the connection is lost before the answer comes.
  sent.push(client.publish(ROOM, { from: name, text }).catch((error) => console.error(`(${error.message})`)))
}
await Promise.all(sent)
client.close()
