/** What a customer sees of his orders, also of what happened while he was away. `node customer.js alice` */
import { createClient } from '@sluice/client/node'

const URL = process.env.SLUICE_URL ?? 'http://127.0.0.1:8080'
const name = process.argv[2] ?? 'alice'

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

// Once and in order, also what came while the connection was away: the client resumes where it was.
client.inbox(({ data }) => console.log(`order ${data.order} is ${data.state}`), {
  onReset: () => console.log('(ask the shop: some notices were missed)'),
})
await client.connect()
