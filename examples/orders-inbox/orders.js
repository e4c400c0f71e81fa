/** The backend of a shop: tells one customer what becomes of his orders. `node orders.js alice` */
const API_URL = process.env.SLUICE_API_URL ?? 'http://127.0.0.1:8081'
const API_KEY = process.env.SLUICE_API_KEY ?? 'dev'
const customer = process.argv[2] ?? 'alice'
const PAUSE_MS = Number(process.env.PAUSE_MS ?? 2000)

const order = Math.floor(Math.random() * 90_000) + 10_000
for (const state of ['received', 'packed', 'shipped', 'delivered']) {
  const response = await fetch(`${API_URL}/v1/publish`, {
    method: 'POST',
    headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
    // To the user, wherever and on however many devices he is. With an id it may be repeated safely.
    body: JSON.stringify({ user: customer, data: { order, state }, id: `order-${order}-${state}` }),
  })
  if (!response.ok) {
    console.error(`not published: ${await response.text()}`)
    process.exit(1)
  }
  console.log(`told ${customer}: order ${order} is ${state}`)
  if (state !== 'delivered') await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
}
