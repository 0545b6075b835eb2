/** What the guests of the fake Proxmox VE are made of: directories, or containers that run. */
export interface Backend extends AsyncDisposable {
  /** Makes a guest and starts it. */
  create(vmid: number): Promise<void>;
  /** Asked of the guest itself. */
  isRunning(vmid: number): Promise<boolean>;
  start(vmid: number): Promise<void>;
  /** Switches it off. */
  stop(vmid: number): Promise<void>;
  /** Asks it to stop. @throws Error when it did not in time. */
  shutdown(vmid: number, seconds: number): Promise<void>;
  /** Of its disk, whether it runs or not. */
  snapshot(vmid: number, name: string): Promise<void>;
  /** Puts the disk of a guest that is off back. */
  rollback(vmid: number, name: string): Promise<void>;
  deleteSnapshot(vmid: number, name: string): Promise<void>;
  /** Packs its disk into a file, whether it runs or not. */
  dump(vmid: number, file: string): Promise<void>;
  /** Makes the disk of a guest that is off anew, and the guest itself when there is none. */
  restore(vmid: number, file: string): Promise<void>;
  /** Whether it has a network, when it starts the next time. */
  connect(vmid: number, connected: boolean): Promise<void>;
  /** Takes a guest that is off away, with its disk and its snapshots. */
  remove(vmid: number): Promise<void>;
  /** Changes what is on its disk. */
  write(vmid: number, text: string): Promise<void>;
  read(vmid: number): Promise<string>;
}
