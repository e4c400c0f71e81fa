/**
 * What npm runs before it packs or publishes this folder: it refuses. The folder's own package would be that of a clone, which brings
 * the binaries for every machine and what only few configurations need; `scripts/pack.mjs` makes the one that a registry gets, and
 * packs that from another folder.
 */
console.error(
  'prepack: this folder packs as a clone, some four times what a gateway needs: node scripts/pack.mjs FOLDER makes what a registry gets (npm publish FOLDER/FILE.tgz)',
)
process.exit(1)
