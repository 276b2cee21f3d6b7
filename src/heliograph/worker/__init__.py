"""The running process: who owns which lanes, periodic jobs, start and drain. The one place where parts are joined."""
