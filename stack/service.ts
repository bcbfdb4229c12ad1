import type { Ports } from './ports.js';
import type { ServiceUser } from './user.js';

/** Elasticsearch's first node, and those that a stack of three has besides. */
export type ServiceName = 'postgres' | 'redis' | 'elasticsearch' | 'elasticsearch-2' | 'elasticsearch-3';

/** What the start of a service needs to know. */
export interface StackContext {
  /** Real path of DIRECTORY_HOME. */
  home: string;
  downloads: string;
  env: NodeJS.ProcessEnv;
  /** The account that the services run as; undefined for the user's own. */
  user: ServiceUser | undefined;
  ports: Ports;
  database: string;
  /** Of each node. */
  elasticsearchHeapMb: number;
  elasticsearchStartsQuickly: boolean;
  elasticsearchNodes: number;
  progress: (line: string) => void;
  signal?: AbortSignal | undefined;
}

/** One embedded server: found by its pid file, so that any process may start, use and stop it. */
export interface EmbeddedService {
  label: string;
  /** Keys of its ports in the file that remembers them. */
  portNames: string[];
  /** The server's own pid while it runs. */
  pid(home: string): number | undefined;
  /** Installs what is missing and launches the server. When it fails, it leaves no process. */
  start(context: StackContext): Promise<void>;
  /** Waits until a server that was launched, by whomever, answers. */
  ready(context: StackContext): Promise<void>;
  /** @returns false when it did not run */
  stop(home: string): Promise<boolean>;
  url(home: string, ports: Ports, database: string): string;
}
