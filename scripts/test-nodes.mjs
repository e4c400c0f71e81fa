/**
 * Runs tests with Node 20, 22 and 24: 20 here where that is what runs here, the others in a tree of Debian 13, whose C
 * library is new enough for their native binaries. Arguments: other tests than the usual ones.
 */
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { debianTree, inTree, must, needRootAnd, nodeBinary } from './debian.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const MAJORS = [20, 22, 24]
/**
 * What the native library, the versions of Node and the C library have a say in. Not test/conformance: it is about NATS and Redis,
 * whose versions in this tree are other ones.
 */
const TESTS = [
  'test/unit',
  'test/protocol',
  'test/cluster/two-nodes.test.ts',
  // A node as a process: started, published to, drained by SIGTERM.
  'test/cluster/processes.test.ts',
  'test/cluster/drain.test.ts',
]
const tests = process.argv.length > 2 ? process.argv.slice(2) : TESTS
const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--maxWorkers=1', ...tests]
const whichBinary = `
  import { loadUws } from '/sluice/dist/drivers/uws-binary.js'
  const { glibcVersionRuntime } = process.report.getReport().header
  console.log(\`Node \${process.version}, glibc \${glibcVersionRuntime}: \${loadUws().why}\`)`

needRootAnd('debootstrap')
must('npm', ['run', '--silent', 'build'], { cwd: root })
const tree = debianTree(
  'ca-certificates',
  'curl',
  'haproxy',
  'nats-server',
  'nginx',
  'openssl',
  'redis-server',
)
const failed = MAJORS.filter((major) => !passes(major))
refusesHere(22)
if (failed.length > 0) {
  console.error(`\nfailed with Node ${failed.join(', ')}`)
  process.exit(1)
}
console.log(`\nNode ${MAJORS.join(', ')}: all passed`)

function passes(major) {
  console.log(`\n== Node ${major}`)
  const here = process.version.startsWith(`v${major}.`)
  const [probe, run] = [['--input-type=module', '-e', whichBinary], vitest].map((words) =>
    here
      ? [process.execPath, words.map((word) => word.replaceAll("'/sluice/", `'${root}`))]
      : insideDebian(major, words),
  )
  must(...probe, { cwd: root })
  const { status } = spawnSync(...run, { cwd: root, stdio: 'inherit' })
  return status === 0
}

function insideDebian(major, words) {
  const bin = '/opt/node/bin'
  return inTree(
    tree,
    {
      folders: { [dirname(nodeBinary(major))]: bin, [root]: '/sluice' },
      directory: '/sluice',
    },
    `PATH=${bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin`,
    'node',
    ...words,
  )
}

/** Where the C library is too old for a Node, the start says so in one sentence. */
function refusesHere(major) {
  const { glibcVersionRuntime: glibc } = process.report.getReport().header
  const [, minor] = glibc.split('.').map(Number)
  if (minor >= 38) return
  console.log(`\n== Node ${major} with glibc ${glibc}`)
  const { status, stderr } = spawnSync(nodeBinary(major), ['bin/sluice.js', 'dev'], {
    cwd: root,
    encoding: 'utf8',
    timeout: 60_000,
  })
  console.log(stderr.trim())
  const expected = `there is no binary of uWebSockets.js for Node ${major}.`
  if (status === 1 && stderr.includes(expected) && stderr.trim().split('\n').length === 1) return
  console.error(`exit code ${status}, where one sentence ("${expected}…") and 1 were expected`)
  process.exit(1)
}
