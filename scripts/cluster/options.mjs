/** What the command line asks for. A slip ends the program with a sentence that says what is allowed. */
import { parseArgs } from 'node:util'
import { COUNT_MAX } from './layout.mjs'

const FIRST_PORT = 8080
const EXIT_USAGE = 2
const HELP = `Starts a cluster on this machine; Ctrl-C ends it.

  --nodes <n>        nodes of the gateway (3)
  --nats <n>         servers of NATS (1)
  --port <n>         the first of its ports; 0 is any free ones (${FIRST_PORT})
  --origin <origin>  a web site whose pages may connect, such as http://localhost:5173; several times
`

export function fail(message, code = 1) {
  console.error(message)
  process.exit(code)
}

export function readOptions() {
  const values = parsed()
  if (values.help) {
    process.stdout.write(HELP)
    process.exit(0)
  }
  return {
    nodes: numberOf('nodes', values.nodes, 1, COUNT_MAX),
    nats: numberOf('nats', values.nats, 1, COUNT_MAX),
    port: numberOf('port', values.port, 0, 65_000),
    origins: values.origin,
  }
}

function parsed() {
  try {
    return parseArgs({
      options: {
        nodes: { type: 'string', default: '3' },
        nats: { type: 'string', default: '1' },
        port: { type: 'string', default: String(FIRST_PORT) },
        origin: { type: 'string', multiple: true, default: [] },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    return fail(error.message, EXIT_USAGE)
  }
}

function numberOf(name, text, min, max) {
  const number = Number(text)
  if (Number.isInteger(number) && number >= min && number <= max) return number
  return fail(
    `--${name} is ${JSON.stringify(text)}; allowed: a whole number from ${min} to ${max}`,
    EXIT_USAGE,
  )
}
