"""The only room that imports Procrastinate: its workers, and what a task may say about its own job.

Jobs are put in by `store.jobs`, in SQL; here they are claimed and worked on. What a task does is handed in.
"""
