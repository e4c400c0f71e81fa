/**
 * Debian 13 and any Node on a machine that has neither: a tree by `debootstrap` and Node's own binaries by npm, both kept
 * outside the project. For what has to be tried where the C library is another one.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const SUITE = 'trixie'
const MIRROR = process.env.DEBIAN_MIRROR ?? 'http://deb.debian.org/debian'
export const CACHE = join(process.env.XDG_CACHE_HOME ?? join(tmpdir(), 'cache'), 'sluice')

/** Ends the program with a sentence where the machine lacks something. */
export function needRootAnd(...tools) {
  const missing = tools.filter((tool) => spawnSync('sh', ['-c', `command -v ${tool}`]).status !== 0)
  const isRoot = process.getuid?.() === 0
  if (isRoot && missing.length === 0) return
  const wants = [...(isRoot ? [] : ['root, to make and enter a tree of Debian 13']), ...missing]
  console.error(`this needs ${wants.join(' and ')}; on Debian: apt-get install -y ${tools.join(' ')}`)
  process.exit(1)
}

/** Runs a program; ends ours where it fails, after it has said why. */
export function must(program, args, options = {}) {
  const { status, signal, error } = spawnSync(program, args, { stdio: 'inherit', ...options })
  if (error === undefined && status === 0) return
  console.error(`${program} ${args.join(' ')}: ${error?.message ?? signal ?? `exit code ${status}`}`)
  process.exit(1)
}

/** What a program prints; ends ours where it fails. */
export function outputOf(program, args, options = {}) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', ...options })
  if (error === undefined && status === 0) return stdout.trim()
  console.error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`)
  process.exit(1)
}

/** The folder of a minimal Debian 13 with these packages. Made once; a tree that was not finished is made anew. */
export function debianTree(...packages) {
  const tree = join(CACHE, [SUITE, ...packages].join('+'))
  if (existsSync(tree)) return tree
  console.log(`making a tree of Debian 13 in ${tree} (a minute or two)`)
  mkdirSync(CACHE, { recursive: true })
  const unfinished = `${tree}.tmp-${process.pid}`
  const include = packages.length === 0 ? [] : [`--include=${packages.join(',')}`]
  must('debootstrap', ['--variant=minbase', ...include, SUITE, unfinished, MIRROR], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  // The packages as they came are not needed again.
  const archives = join(unfinished, 'var/cache/apt/archives')
  for (const name of readdirSync(archives)) {
    if (name.endsWith('.deb')) rmSync(join(archives, name))
  }
  renameSync(unfinished, tree)
  return tree
}

/** The path of Node's own binary, of the newest release with this number. */
export function nodeBinary(major) {
  const folder = join(CACHE, `node-${major}`)
  const name = `node-linux-${process.arch}`
  const binary = join(folder, 'node_modules', name, 'bin/node')
  if (!existsSync(binary)) {
    mkdirSync(folder, { recursive: true })
    const options = ['--no-audit', '--no-fund', '--no-save', '--silent']
    must('npm', ['install', ...options, '--prefix', folder, `${name}@${major}`])
  }
  return binary
}

/**
 * The words of a command that runs in the tree, where folders of ours are seen under other names. Variables (`NAME=value`) may
 * stand before the command. What it starts and mounts ends with it, and the tree stays as it was but for what it writes.
 */
export function inTree(tree, { folders, directory, user = '0:0' }, ...command) {
  const mounts = Object.entries(folders).flatMap(([from, to]) => [
    `mkdir -p '${tree}${to}'`,
    `mount --bind '${from}' '${tree}${to}'`,
  ])
  const enter = [
    ...mounts,
    `mount -t proc proc '${tree}/proc'`,
    `exec chroot --userspec=${user} '${tree}' /usr/bin/env -C '${directory}' "$@"`,
  ]
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child']
  return ['unshare', [...namespaces, 'sh', '-ec', enter.join(' && '), 'sh', ...command]]
}
