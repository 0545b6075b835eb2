/** Images whose data belongs to one major version: another one cannot read it without a migration. */
import type { ImageReference } from '#sdk/registry/reference.ts';

const BEARERS = new Set(
  [
    'postgres postgresql postgis timescaledb timescaledb-ha pgvector pgvecto-rs vectorchord spilo',
    'mariadb mysql percona percona-server mysql-server',
    'mongo mongodb mongodb-community-server percona-server-mongodb ferretdb',
    'redis valkey keydb dragonfly redis-stack redis-stack-server',
    'elasticsearch opensearch meilisearch typesense solr',
    'influxdb clickhouse clickhouse-server cassandra scylla couchdb neo4j arangodb rethinkdb cockroach',
    'rabbitmq etcd qdrant surrealdb victoria-metrics prometheus loki',
  ].flatMap((line) => line.split(' ')),
);

/** By the last part of the name, so that a copy in another registry counts as well. */
export function isDataBearing({ repository }: Pick<ImageReference, 'repository'>): boolean {
  return BEARERS.has(repository.slice(repository.lastIndexOf('/') + 1));
}
